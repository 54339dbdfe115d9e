"""What shop systems call the fields of an order, in German, English, French and their own words, the
main ones in Spanish, Italian and Dutch too (data alone).

A phrase is words in lower case without accents; the earlier of two phrases of a field is the likelier one.
"""

from __future__ import annotations

from collections.abc import Mapping


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(each.split()) for each in text.split(","))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIELDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "id": _phrases(
        """
        bill bee order id, order id, order number, order no, order num, ordernumber, orderid, bestellnummer, bestell
        nr, bestellnr, auftragsnummer, auftrags nr, auftragsnr, numero de commande, no commande, commande, id
        commande, receipt number, receipt id, transaction id, invoice number, rechnungsnummer, rechnungs nr, numero de
        facture, belegnummer, belegnr, increment id, entity id, reference, id, nr, no, number, nummer, numero, name,
        sale id, order ref, order reference, auftr nr, best nr, vorgangsnummer, vorgang nr, numero de pedido, n
        pedido, pedido, numero ordine, ordine, bestelnummer, ordernr, bestelnr
        """
    ),
    "number": _phrases(
        """
        order number, bestellnummer, auftragsnummer, increment id, order no, reference, number, numero de commande
        """
    ),
    "customer": _phrases(
        """
        customer number, customer no, kundennummer, kunden nr, kundennr, numero client, debitorennummer, kd nr,
        klantnummer
        """
    ),
    "status": _phrases(
        """
        financial status, order status, bestellstatus, auftragsstatus, statut, status, etat, state, estado, stato
        """
    ),
    "payment_method": _phrases(
        """
        payment method, payment type, zahlungsart, zahlart, zahlungsmethode, zahlungsweise, mode de paiement, moyen de
        paiement, paymentmethod, metodo de pago, metodo di pagamento, betaalmethode
        """
    ),
    "tags": _phrases("tags, labels, schlagworte, etiquettes"),
    "email": _phrases(
        """
        email, e mail, mail, email address, e mail address, mail adresse, e mail adresse, adresse e mail, adresse
        email, courriel, customer email, buyer email, kunden email, email adresse, correo, correo electronico, posta
        elettronica, emailadres
        """
    ),
    "first_name": _phrases("first name, firstname, vorname, prenom, given name, fname, name 2, voornaam, nombre, nome"),
    "last_name": _phrases(
        """
        last name, lastname, nachname, family name, surname, familienname, nom de famille, lname, name 3, achternaam,
        apellidos, cognome
        """
    ),
    "name": _phrases(
        """
        recipient name, full name, name, kunde, kundenname, kaeufer, kaeufername, empfaenger, client, nom complet,
        nom, customer, customer name, buyer, buyer name, customer description, partner id, recipient, destinataire,
        firstname lastname, klant, nombre cliente, destinatario, naam
        """
    ),
    "street": _phrases(
        """
        street, strasse, street address, address 1, address line 1, address1, line 1, adresse 1, rue, anschrift,
        adresse, address, street 1, str, calle, direccion, indirizzo, via, adres, straat
        """
    ),
    "house_number": _phrases(
        """
        house number, house no, hausnummer, hausnr, haus nr, street number, street no, numero de rue, huisnummer
        """
    ),
    "street_2": _phrases(
        """
        street 2, address 2, address line 2, address2, line 2, adresse 2, adresszusatz, complement d adresse,
        complement adresse
        """
    ),
    "street_3": _phrases("street 3, address 3, address line 3, line 3, adresse 3"),
    "postcode": _phrases(
        """
        postcode, postal code, zip, zip code, zipcode, plz, postleitzahl, code postal, cp, postalcode, codigo postal,
        cap
        """
    ),
    "city": _phrases("city, town, ort, stadt, wohnort, ville, locality, ciudad, citta, plaats, woonplaats, localita"),
    "country": _phrases(
        """
        country iso 2, country iso2, country iso, country code, iso code 2, laendercode, land iso, code pays, country,
        land, pays, country id, countrycode, pais, paese, nazione
        """
    ),
    "language": _phrases("language code, language, sprache, langue, locale, customer locale, lang"),
    "items": _phrases(
        """
        items, item count, total items, anzahl artikel, artikelanzahl, stueck, stueckzahl, number of items, items
        count, total quantity, nombre d articles
        """
    ),
    "total": _phrases(
        """
        order total, grand total, total price, total amount, total paid, total cost, invoice total, invoice amount,
        amount total, gesamtbetrag, gesamtsumme, rechnungsbetrag, bruttobetrag, summe brutto, gesamtpreis, order
        value, total incl tax, total inc tax, total gross, montant total, total ttc, montant ttc, montant, total,
        summe, betrag, gesamt, amount, brutto, sum gross, sums gross, total eur, importe total, importe, totale,
        totale ordine, totaal, totaalbedrag, gross, endbetrag, endsumme
        """
    ),
    "paid_amount": _phrases(
        """
        paid amount, amount paid, bezahlter betrag, bezahlt betrag, gezahlt, montant paye, total received
        """
    ),
    "credited": _phrases(
        """
        refunded amount, amount refunded, total refunded, refund amount, refund, gutschrift, gutschriftbetrag,
        erstattet, erstattung, montant rembourse, avoir, refunds total, refunds amount
        """
    ),
    "shipping_cost": _phrases(
        """
        shipping cost, shipping costs, shipping price, shipping and handling, shipping fee, shipping total, shipping
        amount, total shipping, versandkosten, porto, lieferkosten, frais de port, frais de livraison, shipping cost
        inc tax, order shipping, delivery cost, postage, base shipping cost, shipping, gastos de envio, spese di
        spedizione, verzendkosten
        """
    ),
    "currency": _phrases(
        """
        currency code, currency, waehrung, devise, currency id, order currency, monnaie, currency iso, moneda, valuta
        """
    ),
    "ordered": _phrases(
        """
        purchase date, order date, ordered at, sale date, date ordered, date created, created at, created date,
        createdat, date order, date add, bestelldatum, auftragsdatum, bestellt am, bestellt, kaufdatum, placed, order
        placed, sold at, sold on, verkauft am, verkaufsdatum, date de commande, commande le, datum, belegdatum,
        rechnungsdatum, invoice date, date de creation, created, date, erstellt am, erstellt, am, ordertime,
        oxorderdate, placed at, order datetime, placed on, auftr datum, best datum, fecha pedido, fecha de pedido,
        fecha, data ordine, besteldatum, data
        """
    ),
    "payment_due": _phrases(
        """
        payment due, due date, next payment due at, faellig am, faelligkeit, faelligkeitsdatum, zahlungsziel, faellig,
        echeance, date d echeance
        """
    ),
    "paid": _phrases(
        """
        paid at, paid on, paid on date, date paid, paid date, payment date, payments date, bezahlt am, bezahlt,
        bezahldatum, zahlungsdatum, zahldatum, zahlungseingang, paid, payed at, date de paiement, paye le, date
        paiement, cleared date, datepaid, regle le, oxpaid, settled on, settled at, fecha de pago, data pagamento,
        betaald op, betaaldatum
        """
    ),
    "shipped": _phrases(
        """
        shipped at, shipped on, shipped on date, shipped date, ship date, date shipped, fulfilled at, dispatched at,
        versandt am, versandt, versanddatum, versendet am, verschickt am, lieferdatum, date d expedition, expedie le,
        envoye le, delivery date, shipped, date completed, oxsenddate, ship confirmed at, fecha de envio, data
        spedizione, verzonden op, verzenddatum
        """
    ),
    "delivered": _phrases("delivered at, delivered on, zugestellt am, zugestellt, livre le, date de livraison"),
    "cancelled": _phrases(
        """
        cancelled at, canceled at, cancelled on, cancelled date, date cancelled, cancelled, storniert am, storniert,
        stornodatum, annule le, date d annulation, fecha de anulacion, annullato il, geannuleerd op
        """
    ),
    "returned": _phrases("returned at, returned on, retourniert am, retourdatum, retourne le"),
    "parked": _phrases("is parked, parked, on hold, geparkt, zurueckgestellt"),
    "disputed": _phrases("disputed, dispute, in dispute, reklamation, litige"),
    "consent": _phrases(
        """
        accepts marketing, newsletter, marketing consent, buyer accepts marketing, email marketing, opt in,
        werbeeinwilligung
        """
    ),
    "account": _phrases(
        """
        sales channel, channel, platform, plattform, marketplace, marktplatz, verkaufskanal, kanal, canal, shop name,
        source name, shop, herkunft
        """
    ),
    "payment_status": _phrases(
        """
        financial status, payment status, zahlungsstatus, zahlstatus, bezahlstatus, statut de paiement, paid status,
        payment state, estado de pago, stato pagamento, betaalstatus
        """
    ),
    "line_name": _phrases(
        """
        lineitem name, product name, item title, item name, product title, order item name, artikelname,
        artikelbezeichnung, bezeichnung, artikel, produkt, produit, designation, description, title, name, titre,
        product id, article, article name, item description
        """
    ),
    "line_sku": _phrases(
        """
        lineitem sku, sku, custom label, product sku, product reference, artikelnummer, artikel nr, artikelnr,
        reference, item sku, variation number, art nr, product number, model, article no, article number, item no,
        product code
        """
    ),
    "line_quantity": _phrases(
        """
        lineitem quantity, quantity purchased, product quantity, item quantity, product uom qty, quantity, qty, qty
        ordered, menge, anzahl, quantite, qte, stueckzahl, product qty
        """
    ),
    "line_price": _phrases(
        """
        lineitem price, unit price tax incl, price unit, unit price, price gross, sold for, einzelpreis, stueckpreis,
        preis, prix unitaire, price inc tax, price, prix
        """
    ),
    "open_amount": _phrases(
        """
        outstanding balance, outstanding amount, outstanding, amount due, balance due, open amount, offener betrag,
        offen, restbetrag, rest, saldo, solde, montant du, reste a payer, total due, total outstanding
        """
    ),
    "paid_flag": _phrases("is paid, paid, bezahlt, paye, payed, ist bezahlt"),
}
"""Field, or part of one → what it is called."""

DENIED: Mapping[str, frozenset[str]] = {
    "id": _words(
        """
        account address article artikel buyer customer invoice item konto kunden line lineitem parent partner payment
        pos position product produkt seller shop state status steuer tax tracking transaction user ust variation vat
        """
    ),
    "number": _words("buyer customer house item phone product tax tracking"),
    "status": _words(
        "address bill billing buyer fulfillment invoice item line lineitem payment province ship shipping zahlungs"
    ),
    "email": _words(
        """
        absender accepts haendler marketing merchant newsletter reply seller sender shop status store support vendor
        verkaeufer
        """
    ),
    "name": _words(
        """
        article artikel category company country discount file first item last lineitem method option payment product
        province service shop state store tax user username variant
        """
    ),
    "total": _words(
        """
        amount_paid balance cost_price credit discount due fee fees ht item items line lineitem margin mwst net netto
        outstanding paid porto products quantity received refund refunded saved shipping steuer subtotal tax unit vat
        versand weight zwischensumme
        """
    ),
    "credited": _words("am at date reason status"),
    "shipping_cost": _words(
        """
        address city code country date discount item method name net netto service status street tax vat zip
        """
    ),
    "ordered": _words("birth cancelled delivery due modified paid payment refund shipped updated versand zahlung"),
    "paid": _words(
        """
        amount auszahlung auth authorised authorized betrag bis by currency deadline disbursed due echeance expected
        faellig fee method not partial partially payout reference refund refunded skonto sum tax teil total type un
        until
        """
    ),
    "paid_amount": _words("date due refund shipping tax"),
    "payment_due": _words("amount betrag total"),
    "shipped": _words("before bis by earliest end estimated expected frist latest max min promised start tracking"),
    "delivered": _words("by earliest estimated expected latest promised"),
    "cancelled": _words("amount by reason"),
    "currency": _words("base kurs rate shop"),
    "country": _words("name phone"),
    "language": _words("product"),
    "line_price": _words("base compare discount net shipping tax total"),
    "line_name": _words(
        """
        billing buyer city company country customer first last method recipient shipping state status user
        """
    ),
    "line_quantity": _words("canceled cancelled invoiced refunded returned shipped"),
    "items": _words("price tax"),
    "account": _words("id number url"),
}
"""Words that tell of something else, though the rest of the name fits."""

SHIPPING = _words(
    """
    delivery empfaenger liefer lieferadresse lieferanschrift lieferung livraison oxdel recipient ship shipment
    shipping shipto versand
    """
)
BILLING = _words(
    """
    bill billing billto buyer facturation invoice oxbill payer rechnung rechnungsadresse rechnungsanschrift
    """
)
FILLERS = _words(
    """
    address addresses an brutto client customer data der de des details du eur euro gmt gross im in incl info inkl kunde
    kunden order orders shop the to user utc
    """
)
"""Words that say little: `Ship To City`, `order_currency`."""

PAID = _words(
    """
    bezahlt captured complete completed komplett_bezahlt paid paid_out partially_refunded paye payee refunded
    regle succeeded voll_bezahlt vollstaendig_bezahlt
    """
)
UNPAID = _words(
    """
    authorised authorized canceled cancelled declined draft due en_attente expired failed impaye none
    not_paid offen on_hold open overdue partially_paid pending teilweise_bezahlt unbezahlt unpaid void voided
    """
)
"""What a column of payment states says of an order that was, or was not, paid in full."""
CANCELLED = _words("abgebrochen annule annulee cancel canceled cancelled storniert void voided")
"""What a column of states says of an order that was cancelled."""
DRAFTS = _words("auto_draft brouillon checkout_draft draft entwurf papierkorb trash")
"""States of what is no order yet, or no more."""
MARKETPLACES = _words("amazon avocadostore cdiscount ebay etsy galaxus hood kaufland otto zalando")
"""Portals that are no shops of the merchant's own."""
PACKING = _words("delivery fracht freight lieferung livraison porto postage shipping versand versandkosten")
"""Words in the name of a line that is no piece of goods."""

VEHICLES: Mapping[str, str] = dict(
    each.split("=")
    for each in [
        "D=DE",
        "F=FR",
        "A=AT",
        "I=IT",
        "B=BE",
        "L=LU",
        "E=ES",
        "P=PT",
        "S=SE",
        "N=NO",
        "H=HU",
        "FIN=FI",
        "IRL=IE",
        "SLO=SI",
        "FL=LI",
    ]
)
"""Countries as vehicles show them → ISO 3166-1 alpha-2."""

EMPTY = frozenset(
    (
        "0000-00-00",
        "0000-00-00 00:00:00",
        "00.00.0000",
        "00.00.0000 00:00:00",
        "0001-01-01T00:00:00",
        "--",
        "-",
        "N/A",
        "n/a",
        "NULL",
        "null",
        "None",
        "nan",
    )
)
"""Texts that mean that nothing is there."""

UTC_SYSTEMS: Mapping[str, frozenset[str]] = {"Odoo": frozenset(("date_order", "amount_total"))}
"""Systems whose exports are known to write times in UTC without saying so → columns by which they are known."""
